//! Tekton v1 documents as types, lint, and the local runner.
