"""The loss around a trained network: planes through its parameters, slices, curvature."""
