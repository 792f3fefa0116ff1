output "arn" {
  description = "The key."
  # Whoever uses the key finds it by its alias too.
  value      = aws_kms_key.this.arn
  depends_on = [aws_kms_alias.this]
}
