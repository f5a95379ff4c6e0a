"""What pydantic makes of single fields: `golden.py > golden.jsonl`, with pydantic 2.14.3.

One JSON list per line: the type's name in the test, the input, then the value or the faults, each
with type, location under the field, message and context. Left out is where this crate means to
differ: whole numbers beyond 64 bits (too large for a column), 1e300 for a bounded int (JSON's
reader in Rust cannot tell it from a whole number), lists over three (the limit is MAX_LIST).
"""

import json
from typing import Literal, Annotated
from datetime import date
from pydantic import Field, ValidationError, create_model
T = {
 'bool': bool, 'int': int, 'int_0_10': Annotated[int, Field(ge=0, le=10)],
 'float': Annotated[float, Field(allow_inf_nan=False)], 'float_0_10': Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)],
 'text_2_3': Annotated[str, Field(min_length=2, max_length=3)], 'text_1_1': Annotated[str, Field(min_length=1, max_length=1)],'date': date, 'level': Literal['red','green','deep blue'],
 'level_1': Literal['x'],
 'ints': Annotated[list[Annotated[int, Field(ge=0, le=150)]], Field(min_length=1, max_length=3)],
}
S = {
 'bool': [True, False, 0, 1, 2, -1, 0.0, 1.0, 0.5, 2.0, "yes","YES","y","on","off","t","F","no","n","true","True","1","0","2",""," ","yes "," true","maybe",None,[],{}, "1.0", 10**20],
 'int': [True, False, 3, -3, 0, 3.0, -3.0, 2.5, 1e5, 1e18, "3","-3","+3"," 3 ","\t3\n","3.0","3.00","3.","3.5",".0","-.0","-0","007","0.0","1e5","1_000","1__0","_1","1_","abc","","  ","0x10","३","３","−3","--3","+-3","+","-",".","3 4","3,000","nan","inf",None,[],{}, 9223372036854775807, -9223372036854775808, "9223372036854775807","-9223372036854775808","\u00a03\u00a0","3.0.0","3.0e0", "1_0.0", "-0.0", "+3.0", "NaN", "true"],
 'int_0_10': [11,-1,"11",10**19, -10**19, "99999999999999999999", 10, 0, 10.0, 11.5],
 'float': [True, False, 3, -3, 2.5, 1e300, -0.0, "3","2.5","-2.5","+2.5"," 2.5 ",".5","5.","1e5","1E5","1e400","-1e400","1_000.5","1_0","nan","NaN","inf","-inf","Infinity","infinity","+inf","1e-400","abc","","  ",".","e5","1e","0x1p3","३","2,5","true",None,[],{},10**30,"1 2","\u00a02.5", "1d", "1f", "2.5e+3", "_1", "1_", "1e1_0", "-", "+", "--1"],
 'float_0_10': [-1,-0.5,10.5,11,"11","-1e-9",10,0,-0.0, True],
 'text_2_3': ["ab","abc","a","abcd","","éé","😀😀😀","😀😀😀😀",3,True,None,[],{},2.5],
 'text_1_1': ["", "ab"],
 'date': ["2026-01-15","2026-1-15","2026-01-15T00:00:00","2026-01-15T00:00","2026-01-15 00:00:00","2026-01-15T00:00:00Z","2026-01-15T00:00:00z","2026-01-15T00:00:00+00:00","2026-01-15T00:00:00+02:00","2026-01-15T00:00:00-0500","2026-01-15T00:00:00.000","2026-01-15T00:00:00.5","2026-01-15T12:00:00","2026-01-15T24:00:00","2026-01-15T00:60:00","2026-01-15t00:00:00","2026-01-15_00:00:00","2026-01-15T","2026-01-15T00","2026-01-15 ", " 2026-01-15","2026-01-15T00:00:00 ","2026-02-30","2026-02-29","2024-02-29","2026-13-01","2026-00-01","2026-01-00","2026-01-32","0000-01-01","0001-01-01","9999-12-31","10000-01-01","+2026-01-15","-2026-01-15","2026/01/15","15.01.2026","20260115","2026-W03-4","abcd-01-15","2026-ab-15","2026-01-ab","soon","","next thursday please","2026-01-15T00:00:00Europe/Berlin","2026-01-15T00:00:00+99:00","２０２６-01-15","2026-01-1５",True,None,[],{},0,86400,1768435200,1768435200.0,1768435201,1768435200000,-86400,1.5,"1768435200","0","1768435200000","1e5", 1e300, 253402300800, "2026-01-15T00:00:00.0000000001","2026-01-15T00:00:00Zjunk","2026-01-15T00:00:00+00:00junk", "2026-01-15junk", "2026-01-15\u0000", "2026-01-15T00:00:00-00:00","86400.0","1768435200.5"],
 'level': ["red","green","deep blue","Red","red ","",3,None,True,[],{}],
 'level_1': ["y"],
 'ints': [[1],[1,2,3],["1",2.0,True],[],[1,"a",200],[None],[[1]],[1.5],"35","",None,{},5,{"a":1},[-1], [[], {}]],
}
for t, inputs in S.items():
    M = create_model('M', v=(T[t], ...))
    for i in inputs:
        try:
            v = M.model_validate({'v': i}).v
            line = [t, i, {'value': v.isoformat() if isinstance(v, date) else v}]
        except ValidationError as e:
            line = [t, i, {'faults': [
                [x['type'], list(x['loc'])[1:], x['msg'], x.get('ctx')] for x in e.errors()
            ]}]
        print(json.dumps(line, ensure_ascii=False))
