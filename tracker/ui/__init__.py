"""The window and the tray: the only room that imports PySide6."""
