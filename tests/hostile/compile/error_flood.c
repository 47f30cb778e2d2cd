/* Errors without end. */
#define E int e(void) { return undefined; } struct s { undefined u; };
#define F E E E E E E E E E E
#define G F F F F F F F F F F
#define H G G G G G G G G G G
H H H H H H H H H H
