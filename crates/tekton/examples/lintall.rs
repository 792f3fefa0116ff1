fn main() {
    for path in std::env::args().skip(1) {
        let report = faultline_tekton::lint(&[path.into()]).unwrap();
        for f in report.findings.iter().filter(|f| !f.rule.is_pedantic) {
            println!(
                "{}:{}:{}: {}[{}] {}: {} // {}",
                f.file.file_name().unwrap().to_string_lossy(),
                f.position.line,
                f.position.column,
                f.severity().name(),
                f.rule.id,
                f.field,
                f.message,
                f.hint.as_deref().unwrap_or("-")
            );
        }
    }
}
