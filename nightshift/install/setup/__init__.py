"""Set-up of one checkout: Java, JARs, class-data archive, and the doctor that checks them."""
