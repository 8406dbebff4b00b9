"""What goes through the conformance suite: one case for each way in which a layer computes."""
