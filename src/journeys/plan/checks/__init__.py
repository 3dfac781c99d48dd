"""What a valid space keeps to, one module per subject; ``journeys.plan.validate`` runs them all."""
