"""How a candidate is made: trials, executors, Ray Tune, budgets, tracking."""
