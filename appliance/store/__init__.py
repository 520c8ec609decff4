"""What must survive a power cut: SQLite, its schema and the questions asked of it."""
