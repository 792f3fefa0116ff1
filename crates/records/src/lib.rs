//! Documents by URL: the embedded SQLite.
