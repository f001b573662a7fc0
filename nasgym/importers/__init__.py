"""One importer for each published format, and for a CSV file of your own."""

from nasgym.importers.nas_bench_macro import import_nas_bench_macro
from nasgym.importers.nats_bench import import_nats_bench
from nasgym.importers.own_table import import_own_table

__all__ = ["import_nas_bench_macro", "import_nats_bench", "import_own_table"]
