"""The procedural scenes: grammar, palette, renderer, stories, planted defects and the analytic detector. numpy only.

A scene is 1 to 4 coloured shapes on light grey with exact truth, its captions come from a grammar that is read back as
well as written, and its pixels are equal to the last byte on every machine. Import the module that owns the name:

palette    COLOURS, SHAPES, SIZES, CELLS, RELATIONS: the closed lists of words
scene      SceneObject, Scene, to_dict, scene_from_dict, holds, problems
sampling   sample_scene(seed, split=, kind=), tags, HELD_OUT_PAIRS, HELD_OUT_TRIPLES, KINDS, STORY_KINDS
split      split(name, size), scene_at(name, index), DEFAULT_SIZES: rows (id, scene, variant) for ever the same
grammar    caption, captions, meaning, understand, parse, layout; Understanding and Described are what is said
render     render(scenes, seeds, size) and render_frames(scene, seed, size): uint8
detect     detect(images) -> Found: boxes, shapes, colours, sizes, scores, readable
defects    plant(scene, kind, p, seed), applies(scene, kind), DEFECTS
curve      detector_curve(n, seed): the detector under blur and noise; exact(scene, found)

Below them: draws (hashed counters), shapes (geometry and coverage), description, phrases, parsing and placing (the
grammar's parts), labelling, resample and recognise (the detector's parts).
"""
