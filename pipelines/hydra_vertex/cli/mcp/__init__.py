"""The server of the Model Context Protocol: commands of hydra-vertex as tools of an agent."""
