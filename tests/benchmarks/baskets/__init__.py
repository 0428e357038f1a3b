"""Next basket and rest of the basket on a real gift shop's invoices."""
