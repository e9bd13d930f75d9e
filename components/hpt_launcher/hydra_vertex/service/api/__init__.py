"""The API of the service: REST and gRPC servers that call the same operations on Google's documents."""
