"""What the test programs share: the demo server, installing, counting. Standard library only."""
