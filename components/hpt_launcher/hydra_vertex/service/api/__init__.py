"""The API's fronts: REST and gRPC over one layer of operations, with Google's documents in and out."""
