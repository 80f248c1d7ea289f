"""What the controller keeps: tables, migrations, and one small module of functions for each thing stored.

`Database` (connection.py) runs each function in its own transaction on one worker thread; the functions
take an SQLAlchemy connection first and know nothing of threads or of asyncio.
"""

from controller.database.connection import Database
from controller.database.trouble import DatabaseUnavailable, UnusableDatabase

__all__ = ["Database", "DatabaseUnavailable", "UnusableDatabase"]
