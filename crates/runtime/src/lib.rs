//! The frame of every step binary.
