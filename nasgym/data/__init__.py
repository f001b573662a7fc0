"""Where tables come from: their file, the data folder, and one importer for each published format."""

from nasgym.data.catalog import TableInfo, list_tables, verify_tables
from nasgym.data.folder import data_folder, find_table, imported_tables, shipped_tables, table_path
from nasgym.data.nas_bench_macro import import_nas_bench_macro
from nasgym.data.nats_bench import import_nats_bench
from nasgym.data.own_table import import_own_table
from nasgym.data.table_file import Table, read_table, verify_checksum, write_table

__all__ = [
    "Table",
    "TableInfo",
    "data_folder",
    "find_table",
    "import_nas_bench_macro",
    "import_nats_bench",
    "import_own_table",
    "imported_tables",
    "list_tables",
    "read_table",
    "shipped_tables",
    "table_path",
    "verify_checksum",
    "verify_tables",
    "write_table",
]
