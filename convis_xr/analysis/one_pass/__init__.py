"""What one pass over a stimulus and a response gives: sums, averages and covariances before spikes, their chance."""
