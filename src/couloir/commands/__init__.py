"""What each verb does, whole: callable from Python, the command line and the studio."""
