//! Fixtures, seeded generators and real servers for tests.
