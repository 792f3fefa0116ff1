//! Makes the code digest known to the binary.

fn main() -> Result<(), faultline_codedigest::CodeDigestError> {
    faultline_codedigest::emit()
}
