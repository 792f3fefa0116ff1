# The address space is cut into eight equal parts: one per zone for nodes and pods, and one each for what is public and for
# databases, which need few addresses. What is left stays free.
locals {
  parts_bits    = 3
  public_part   = 6
  database_part = 7
  zones         = range(var.zone_count)
}
