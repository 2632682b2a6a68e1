"""The twins: every port in memory, held to the same contract as the real thing."""
