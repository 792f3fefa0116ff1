//! Typed tables: CSV in, quarantine out, Parquet between steps.
