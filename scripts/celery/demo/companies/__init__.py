"""The product's own part: companies, who may see them, and their onboarding."""
