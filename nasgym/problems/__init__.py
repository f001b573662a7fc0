"""Problems: what is asked about a space, and how an id and keywords become one."""
