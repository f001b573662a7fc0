"""Tables of known architectures, and columns of further costs: their files, and where they lie."""

from nasgym.tables.table_file import Table, read_table, write_table
from nasgym.tables.table_folder import find_table, imported_tables, shipped_tables, table_path

__all__ = ["Table", "find_table", "imported_tables", "read_table", "shipped_tables", "table_path", "write_table"]
