"""``nasgym data``: import, list and verify tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasgym.cli.terminal import console, progress, table

__all__ = ["data_app"]

data_app = typer.Typer(help="Tables: import published or own ones, list them, check them.", no_args_is_help=True)
import_app = typer.Typer(help="Import a table from its official files into the data folder.", no_args_is_help=True)
data_app.add_typer(import_app, name="import")


@import_app.command("nats-bench")
def import_nats_bench_command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The official archive or folder (NATS-tss-v1_0-... or NATS-sss-v1_0-...).")
    ],
    partial: Annotated[
        bool, typer.Option("--partial", help="Take an archive that lacks architectures, to look up those that it has.")
    ] = False,
) -> None:
    """NATS-Bench: topology or size space, recognised by itself."""
    from nasgym.data import import_nats_bench

    with progress("reading") as told:
        written = import_nats_bench(path, told, partial=partial)
    typer.echo(f"wrote {written}")


@import_app.command("nas-bench-macro")
def import_nas_bench_macro_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The official nas-bench-macro_cifar10.json.")],
) -> None:
    """NAS-Bench-Macro on CIFAR-10."""
    from nasgym.data import import_nas_bench_macro

    with progress("reading") as told:
        written = import_nas_bench_macro(path, told)
    typer.echo(f"wrote {written}")


@import_app.command("ofa")
def import_ofa_command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="acc_predictor.pth, the folder with 160_lookup_table.yaml and so on, or their parent."
        ),
    ],
    device: Annotated[str, typer.Option(metavar="NAME", help="Name of the device whose latencies these are.")] = "note10",
) -> None:
    """Once-for-All: the accuracy predictor, or the latencies of a phone; nasgym/OFA-v0 needs both."""
    from nasgym.data.ofa import import_ofa

    for written in import_ofa(path, device):
        typer.echo(f"wrote {written}")


@import_app.command("proxylessnas")
def import_proxylessnas_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The published mobile_trim.yaml.")],
) -> None:
    """ProxylessNAS: the latencies of its blocks on a phone."""
    from nasgym.data.proxylessnas_device import import_proxylessnas_device

    typer.echo(f"wrote {import_proxylessnas_device(path)}")


@import_app.command("tunas")
def import_tunas_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The published cost_model_data.py, or a CSV of coefficients.")],
) -> None:
    """TuNAS: its linear model of the latency of a Pixel 1."""
    from nasgym.data.tunas_device import import_tunas_device

    typer.echo(f"wrote {import_tunas_device(path)}")


@import_app.command("table")
def import_table_command(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="One row for each architecture.")],
    spec: Annotated[Path, typer.Argument(metavar="SPEC.json", help="What the columns mean.")],
) -> None:
    """Your own table, from a CSV file and a spec."""
    from nasgym.data import import_own_table

    with progress("reading") as told:
        written = import_own_table(csv, spec, told)
    typer.echo(f"wrote {written}")
    typer.echo(f"play it: nasgym compare nasgym/Table-v0 --set table={written.stem} --agents random,local-search")


@data_app.command("list")
def data_list() -> None:
    """The tables that there are."""
    from nasgym.data import data_folder, list_tables

    shown = table(
        f"Tables (data folder {data_folder()})", "name", "where", "space", "rows", "data sets", "epochs", "seeds", "search sees"
    )
    for info in list_tables():
        if info.problem:
            shown.add_row(info.name, info.where, f"NOT READABLE: {info.problem}")
            continue
        numbers = (f"{info.size:,}", ", ".join(info.datasets), ", ".join(map(str, info.fidelities)), str(info.seeds))
        shown.add_row(info.name, info.where, info.space, *numbers, info.search_metric)
    if shown.row_count:
        console().print(shown)
    else:
        typer.echo(f"no tables in {data_folder()}; import one: nasgym data import --help")


@data_app.command("verify")
def data_verify() -> None:
    """Checks every table against its checksum and its card; exit code 1 where one is damaged."""
    from nasgym.data import verify_tables

    checked = verify_tables()
    for name, whole, found in checked:
        typer.echo(f"{name}: {'ok, ' if whole else 'DAMAGED, '}{found}")
    if not checked:
        typer.echo("no tables to check.")
    if not all(whole for _, whole, _ in checked):
        raise typer.Exit(1)
