"""The read models, one file each. Every one takes the events of different topics in any order."""
