"""Losses over two coordinates: surfaces, the rules' paths on them, and what is seen there.

`functions` has the surfaces, `paths` follows rules over them, `race` tunes and compares the rules,
`microscope` takes one step apart. `noise` is about gradients of few samples and `stall` about step sizes
that shrink.
"""
