mock_resource "mongodbatlas_privatelink_endpoint" {
  defaults = {
    endpoint_service_name = "com.amazonaws.vpce.eu-central-1.vpce-svc-00000000000000000"
  }
}

mock_resource "mongodbatlas_advanced_cluster" {
  defaults = {
    connection_strings = [{
      private      = ""
      private_srv  = ""
      standard     = ""
      standard_srv = ""
      private_endpoint = [{
        connection_string                     = ""
        endpoints                             = [{ endpoint_id = "vpce-00000000000000000", provider_name = "AWS", region = "EU_CENTRAL_1" }]
        srv_connection_string                 = "mongodb+srv://records-pl-0.mongodb.invalid"
        srv_shard_optimized_connection_string = ""
        type                                  = "MONGOD"
      }]
    }]
  }
}
