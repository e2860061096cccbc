"""Do. The plan that was shown is the plan that runs."""
