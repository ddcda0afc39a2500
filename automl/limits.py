"""The largest number that an argument may have; a module without imports, because the command line needs it early."""

LARGEST = 1e300  # a float holds no whole number above 1.8e308, and sums of larger floats would be infinite
