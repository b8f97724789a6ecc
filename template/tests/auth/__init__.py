"""The parts that authentication is made of, one by one."""
