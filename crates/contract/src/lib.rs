//! What all parts agree on: ids, artifact references, the manifest, the data schema, exit codes.
