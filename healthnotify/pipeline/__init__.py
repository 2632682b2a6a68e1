"""The verbs: plan, build, publish, deliver, retry, sweep, bury. One file each, on batches, knowing ports only."""
