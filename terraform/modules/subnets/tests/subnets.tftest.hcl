variables {
  vpc_cidr   = "10.20.0.0/16"
  zone_count = 3
}

run "ranges_are_within_the_vpc_and_apart" {
  command = plan

  assert {
    condition     = output.private_cidrs == ["10.20.0.0/19", "10.20.32.0/19", "10.20.64.0/19"]
    error_message = "private: ${jsonencode(output.private_cidrs)}"
  }

  assert {
    condition     = output.public_cidrs == ["10.20.192.0/22", "10.20.196.0/22", "10.20.200.0/22"]
    error_message = "public: ${jsonencode(output.public_cidrs)}"
  }

  assert {
    condition     = output.database_cidrs == ["10.20.224.0/22", "10.20.228.0/22", "10.20.232.0/22"]
    error_message = "database: ${jsonencode(output.database_cidrs)}"
  }
}

run "the_smallest_vpc_has_room" {
  command = plan

  variables {
    vpc_cidr   = "10.20.16.0/20"
    zone_count = 2
  }

  assert {
    condition     = output.database_cidrs == ["10.20.30.0/26", "10.20.30.64/26"]
    error_message = "database: ${jsonencode(output.database_cidrs)}"
  }
}

run "a_range_with_bits_of_a_host_is_refused" {
  command = plan

  variables {
    vpc_cidr = "10.20.1.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "a_vpc_that_is_too_small_is_refused" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0/21"
  }

  expect_failures = [var.vpc_cidr]
}

run "one_zone_is_refused" {
  command = plan

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}
