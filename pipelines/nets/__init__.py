"""Neural networks for tables, trained many at once; torch is imported only where one is fitted or asked."""
