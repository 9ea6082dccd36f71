"""What tests share: the broker, the stand-ins, the programs, the topics, and how a result is judged."""
