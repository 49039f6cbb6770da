"""Pictures that the program draws, with every attribute known and said in words: tasks without data, and what words look like."""
