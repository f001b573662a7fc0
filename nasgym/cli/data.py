"""``nasgym data``: import, list and verify tables, what belongs to them, and images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nasgym.cli.terminal import console, progress, table

__all__ = ["data_app"]

data_app = typer.Typer(help="Tables and images: import published or own ones, list them, check them.", no_args_is_help=True)
import_app = typer.Typer(help="Import a table or images from official files into the data folder.", no_args_is_help=True)
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
    from nasgym.importers import import_nats_bench

    with progress("reading") as show:
        written = import_nats_bench(path, show, partial=partial)
    typer.echo(f"wrote {written}")


@import_app.command("nas-bench-macro")
def import_nas_bench_macro_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The official nas-bench-macro_cifar10.json.")],
) -> None:
    """NAS-Bench-Macro on CIFAR-10."""
    from nasgym.importers import import_nas_bench_macro

    with progress("reading") as show:
        written = import_nas_bench_macro(path, show)
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
    """Once-for-All: accuracy predictor, or latencies of a phone; nasgym/OFA-v0 needs both."""
    from nasgym.importers.ofa import import_ofa

    for written in import_ofa(path, device):
        typer.echo(f"wrote {written}")


@import_app.command("proxylessnas")
def import_proxylessnas_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The published mobile_trim.yaml.")],
) -> None:
    """ProxylessNAS: the latencies of its blocks on a phone."""
    from nasgym.importers.proxylessnas_device import import_proxylessnas_device

    typer.echo(f"wrote {import_proxylessnas_device(path)}")


@import_app.command("tunas")
def import_tunas_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The published cost_model_data.py, or a CSV of coefficients.")],
) -> None:
    """TuNAS: its linear model of the latency of a Pixel 1."""
    from nasgym.importers.tunas_device import import_tunas_device

    typer.echo(f"wrote {import_tunas_device(path)}")


@import_app.command("device")
def import_device_command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A measured kit (a folder with latencies.csv), or a device file (CSV).")
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the device; by default the folder's, or the one in the file.")
    ] = None,
) -> None:
    """A device of your own: a kit that was measured on it, or a device file."""
    from nasgym.devices.device_file import DEVICE_NAME, read_device, write_device
    from nasgym.devices.device_folder import device_path
    from nasgym.errors import InvalidValue, unknown_name
    from nasgym.registry import SPACES

    if path.is_dir():
        from nasgym.profiling.kit import read_kit
        from nasgym.profiling.kit_results import import_kit

        name = name or path.resolve().name
        if not DEVICE_NAME.fullmatch(name):
            raise InvalidValue(
                f"{name!r} is no name of a device (lower-case letters, digits, dot, dash, underscore); give --name."
            )
        done = import_kit(path, name, device_path(read_kit(path).space, name))
        written, device = done.written, done.device
        typer.echo(f"{len(device.latencies)} blocks{': ' if device.note else ''}{device.note}")
    else:
        device = read_device(path)
        if device.space not in SPACES.names():
            raise unknown_name(f"space in {path}", device.space, SPACES.names())
        device = device if name is None else replace(device, name=name)
        written = (write_device(device, device_path(device.space, device.name)),)
    for file in written:
        typer.echo(f"wrote {file}")


@import_app.command("nb201-devices")
def import_nb201_devices_command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="CSV or CSV.gz: arch_str, and one column for each device.")],
    meanings: Annotated[
        Path | None, typer.Argument(metavar="[COLUMNS.json]", help="What the columns mean: sentences, or units and data sets.")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the columns together.")] = "nb201-devices",
) -> None:
    """Latencies and energies of the NAS-Bench-201 cells on many devices, for nasgym/NATS-TSS-v0."""
    from nasgym.importers.nb201_devices import import_cost_columns
    from nasgym.tables.cost_columns import read_columns

    with progress("reading") as show:
        written = import_cost_columns(path, meanings, name=name, progress=show)
    found = read_columns(written)
    typer.echo(
        f"{len(found.costs)} columns, {found.num_complete} of them for all {found.num_rows:,} architectures, as a search needs"
    )
    typer.echo(f"wrote {written}")


@import_app.command("images")
def import_images_command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Folder of IDX files (Fashion-MNIST, MNIST), CIFAR's Python batches (folder or .tar.gz), or an npz file.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the images; by default cifar10, cifar100, or what PATH is called.")
    ] = None,
) -> None:
    """Images to train networks on: Fashion-MNIST, CIFAR-10, CIFAR-100, or arrays of your own."""
    from nasgym.importers.images import import_images
    from nasgym.training.image_data import read_image_data

    with progress("reading") as show:
        written = import_images(path, name, show)
    data = read_image_data(written)
    typer.echo(f"{data.about}; size and split are chosen where they are used")
    typer.echo(f"wrote {written}")


@import_app.command("table")
def import_table_command(
    csv: Annotated[Path, typer.Argument(metavar="CSV", help="One row for each architecture, or for each of a sample.")],
    spec: Annotated[Path, typer.Argument(metavar="SPEC.json", help="What the columns mean.")],
) -> None:
    """Your own table, from a CSV file and a spec."""
    from nasgym.importers import import_own_table
    from nasgym.tables.table_file import read_table

    with progress("reading") as show:
        written = import_own_table(csv, spec, show)
    typer.echo(f"wrote {written}")
    if read_table(written).sampled:
        typer.echo(f"it is a sample; next: nasgym data fit-surrogate {written.stem}")
    else:
        typer.echo(f"play it: nasgym compare nasgym/Table-v0 --set table={written.stem} --agents random,local-search")


@data_app.command("fit-surrogate")
def fit_surrogate_command(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="An imported table whose spec says that it is a sample.")],
    folds: Annotated[int, typer.Option(metavar="N", help="Folds of the cross-validation.")] = 5,
    members: Annotated[
        int, typer.Option(metavar="N", help="Models in the ensemble; with more than one, seed=sampled plays noise.")
    ] = 1,
    seed: Annotated[int, typer.Option(metavar="SEED", help="Draws folds and resamples.")] = 0,
) -> None:
    """Fits a model to a sampled table, so that its whole space can be played."""
    from nasgym.surrogates.fit import fit_surrogate
    from nasgym.surrogates.surrogate import read_surrogate

    with progress("fitting") as show:
        written = fit_surrogate(name, folds=folds, members=members, seed=seed, progress=show)
    made = read_surrogate(written)
    shown = table(
        f"{made.about[0].upper()}{made.about[1:]}; mean ± standard deviation over {folds} folds",
        *("column", "R2", "Kendall tau", "residual sd"),
    )
    for target in made.targets.values():
        if target.r2 is None or target.kendall_tau is None:
            shown.add_row(target.column, "constant")
            continue
        spread = [f"{mean:.3f} ± {std:.3f}" for mean, std in (target.r2, target.kendall_tau)]
        shown.add_row(target.column, *spread, f"{target.residual_std:.4g}")
    console().print(shown)
    typer.echo(f"wrote {written}")
    typer.echo(f"play it: nasgym compare nasgym/Table-v0 --set table={name} --set accuracy=surrogate")


@data_app.command("list")
def data_list() -> None:
    """The tables, devices, cost columns, predictors, surrogates and images that there are."""
    from nasgym.cli.artifacts import list_artifacts
    from nasgym.files.data_folder import data_folder

    shown = table(
        f"Tables (data folder {data_folder()})", "name", "where", "space", "rows", "data sets", "epochs", "seeds", "search sees"
    )
    held = table("Beside tables", "kind", "name", "where", "space", "contents")
    for one in list_artifacts():
        if one.kind == "table":
            cells = (f"NOT READABLE: {one.problem}",) if one.problem else (one.space, *one.contents)
            shown.add_row(one.name, one.where, *cells)
        else:
            cells = (f"NOT READABLE: {one.problem}",) if one.problem else one.contents
            held.add_row(one.kind, one.name, one.where, one.space, *cells)
    if shown.row_count:
        console().print(shown)
    else:
        typer.echo(f"no tables in {data_folder()}; import one: nasgym data import --help")
    if held.row_count:
        console().print(held)


@data_app.command("verify")
def data_verify() -> None:
    """Checks every table and what is listed beside tables; exit code 1 for damage."""
    from nasgym.cli.artifacts import verify_artifacts

    checked = verify_artifacts()
    for name, whole, found in checked:
        typer.echo(f"{name}: {'ok, ' if whole else 'DAMAGED, '}{found}")
    if not checked:
        typer.echo("nothing to check.")
    if not all(whole for _, whole, _ in checked):
        raise typer.Exit(1)
