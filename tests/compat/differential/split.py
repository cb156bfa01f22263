import re
s=open('deviations.py').read()
blocks=re.split(r'\n\n\n',s)
fn={}
order=[]
for b in blocks:
    m=re.match(r'(?:#[^\n]*\n\n)?(?:# (?:Passing|Ending)\.\n+)?(?:@dataclass[^\n]*\n)?(?:def|class) (\w+)',b)
    if m: fn[m[1]]=b; order.append(m[1])
    else: print('OTHER',repr(b[:80]))
print(order)
