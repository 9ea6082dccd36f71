"""From decision to SALESmanago."""
