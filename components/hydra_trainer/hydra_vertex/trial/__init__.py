"""The trial side: what runs inside a training container, next to somebody else's Hydra app.

It needs hydra-core and cloudml-hypertune and nothing more, and it imports nothing else of hydra-vertex.
"""
