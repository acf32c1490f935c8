"""All state of one installation in one file, and back: embedded or on servers, in whichever form it is read again."""
