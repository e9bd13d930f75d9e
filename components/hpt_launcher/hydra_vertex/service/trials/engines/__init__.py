"""The engines that run the worker pools of a trial, and the contract that each of them keeps."""
