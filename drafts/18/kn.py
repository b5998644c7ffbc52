import numpy as np, time, sys
class KneserNey:
    """Interpolated modified Kneser-Ney over ids (Chen and Goodman 1999)."""
    def __init__(self, ids, V, order):
        self.V, self.order, self.tables = V, order, []
        ids=np.asarray(ids,dtype=np.int64)
        codes=self._codes(ids,order)
        grams,counts=np.unique(codes,return_counts=True)
        levels=[(grams,counts)]
        for k in range(order-1,0,-1):
            types=np.unique(self._codes(ids,k+1))
            g,c=np.unique(types%V**k,return_counts=True)
            levels.append((g,c))
        for k,(g,c) in zip(range(order,0,-1),levels):
            n=[(c==j).sum() for j in (1,2,3,4)]
            Y=n[0]/(n[0]+2*n[1]) if n[0]+2*n[1] else 0.
            D=np.array([0]+[min(max(j-(j+1)*Y*n[j]/max(n[j-1],1),0),j) for j in (1,2,3)])
            ctx=g//V
            u,start=np.unique(ctx,return_index=True)
            total=np.add.reduceat(c,start)
            d=D[np.minimum(c,3)]
            back=np.add.reduceat(d,start)/total
            row=np.searchsorted(u,ctx)
            self.tables.append((g,(c-d)/total[row],u,back))
        self.tables=self.tables[::-1]
    def _codes(self,ids,k):
        out=np.zeros(len(ids)-k+1,dtype=np.int64)
        for j in range(k): out=out*self.V+ids[j:len(ids)-k+1+j]
        return out
    def probs(self,ids,start):
        """probability of ids[start:] each given what stands before"""
        p=np.full(len(ids)-start,1/self.V)
        ids=np.asarray(ids,dtype=np.int64)
        for k,(g,share,u,back) in zip(range(1,self.order+1),self.tables):
            code=np.full(len(ids),-1,dtype=np.int64); code[k-1:]=self._codes(ids,k); code=code[start:]
            ctx=code//self.V
            i=np.searchsorted(u,ctx); i[i==len(u)]=0
            known=(u[i]==ctx)&(code>=0)
            j=np.searchsorted(g,code); j[j==len(g)]=0
            there=g[j]==code
            p=np.where(known,np.where(there,share[j],0)+back[i]*p,p)
        return p
if __name__=='__main__':
    t=open(sys.argv[1]).read(); chars=sorted(set(t)); ix={c:i for i,c in enumerate(chars)}; ids=np.array([ix[c] for c in t]); n=int(.9*len(ids))
    for o in (4,5,6,7,8):
        s=time.time(); kn=KneserNey(ids[:n],len(chars),o); p=kn.probs(ids,n); print(o,-np.log(p).mean(),time.time()-s,flush=True)
