"""SavedModels that TensorFlow 2 wrote, packed; nobody needs TensorFlow to test with them.

MODULE: softmax of a product and a sum, with its variables and fingerprint. SAVES: its signature runs SaveV2.
"""

import base64
import zlib
from collections.abc import Mapping

_MODULE = (
    "c-qxl>u(%a75ClsK74Gi?Yn-guk&!WX`3ufcD+g3bX8hxH*FH~lI;XRg@^IZ*qLNKvznQ;oqmEAP!$j=^aE-ogs{XzDK8ZS9{?eQR0RJ6-"
    "#`@~`3vCOdF;&W%&d2lg3?6M%-"
    "+Yj=lQ$m+_}jT`o~RpH%I?93NJ%yQIc*|X&T60k*x9OJ$y2JzK+l0VZg>g^IlV~Q5di0a(R*%oS2?Tr;<Zi`ej1iCIr@De9<tJE%lbDE8<2&zT"
    "TuGkkw^FYw2~lFiCTe+7TNqxtNkTt>P%yFE;5SgB*4%l4#0;aa-i=8=BT&i4y~FA^r1^TGmv<WMh!lT4u9lx^%`Ix-@Ods-fu}gyA?$ysQ|UrD"
    "d&o@4C7oi&Bs^PX9DyFG;d$D&{>3kWy5>0xDs+y&P&{sI3Y39)a{#(Y)GfaD9o6-"
    "ZuD@5y&)kO={JxIWsV9>Y{2iHA5CePpDwWhOcAJ)Au;!sv}(A$sw-"
    "sEG<$<Z|R~Gpyamsh``qg(5te(CEuzp-<Iolo0_7U2AzR?z5P>Y>hh+tCmV$fodzn&hN-Bcsc5RxQ^+7QW0KsE(I{F&5+p@8+KZ6lQOJvphPEq"
    "gD`<OlOW0HzvJo^~8V0Xv*PCz^25*S<yXXdK%UlL3r$nv=6+8mu8ciZ=CrE|()Qv_S6!#Rv>SKw*04&4sjfPm4ZzEf>9`=e3@0x^^?Ns)I4b~C"
    "`0-u2#_l7u^W!+ttOQ*rm3aU-hQP1c%X;*J_97b$+6jX8B((ojVTWbrVDhWnIsq<Dg0U3LoQB7O4jbZ_uHwq2KFi-"
    "IJlUyNu!3LyP#hr&-jrP0ROSl?Zzi!e|7^-Wkq;T&j0QYs%@p-vhm|TRh)!U*j$<iz68k{+<;tkQT-jSmr%P_iBNTO$e+S(SZpGF~xag^P3CKW"
    "R9JY-h2O><k^qqtZ@+fq!!i8jM-"
    "=S%0k*vUe=I+)Lq1pJA>%&LjNve|0f5OvcMLY9`%cahehsBan7<eH+Qy&Wm4gKPML)Od4HG3ZKGXGbf_yh#T)TWTE#q)}Cy$`(x<rjB935_ACZ"
    "ZNzTH*wRcb&^HI8@}698p&tpBfB8Dm3_l^<RVTR!N_|D%lJ{O|H5!OM_1j#37FMAvfy;dXifHJjXqvLFy0qX5z^e6j8Dk&qnYQMkSMVtG=4OiE"
    "1tEgekRdlkT}0OWT){613}f6}MEBx>!vcZBr=hT>sHk#aT5%SJxqW5Ha@0Uq0YH*BT3g|sj#$nGW4ZVQj9DmzL?wBLdpaGlY-"
    "5u+$r8Y|SWFqRz9W~?)zj65)0HaQv0qN<^@UUCPHl;2&o68&RI1Nbr1ONne-"
    "+*&kaeMf`h_h`Lr$>OWp7mod61|Llx71W4AUWZdbu?0%8;m#(wHkjx;97?*+i*BEkN4~g9wM(R5)0bI}ob_!B~4{iG{etkZ>0CvjaMi-"
    "QEPG0RfTJZii%fS2Cz&aiOHO7!697q+}O92UEK}$wPKaM?&0;fS-Oq7!xMAo%wDg$(v%UVG4*CzP+OKbcoy(<ZBajIQt*>58<?fk{xm-iy8`lN"
    "yI};Tn7s?iqiTFn6u$01F33~Oiq?Y9pp(tvPwwlFw6*bt-;}0*^z~9Q5CmjT~H*0qR00tW}<W)n4qK51x;<-"
    "6Wk~kY<NI~A7lxVC{;V~t4QY|1IgtZH^&Koc@<v<s)@@3=gAvn;5!80a1Mgvsg+N`Ndd`i%DSu~VV)(5W=ofaU0rN8k!3-"
    "sqdxF)W&uX*e1Y0o!*3E!-bd|6akOm5cnue>Rbn00XSz)3-^5K3KO#&2AlVEZSo%AG3Z$}x`(i4apkxC^(4Dd_E0D_$QfRYkloDA2&(Q_Q-CA6"
    "^w77KTf^ci`%FPQnpB>sQpI%&BTe-A!bM3-vIXJ+Y_#!<Yn%K58JG61o{4p5Lrf3H9MbuxVGys^#Wz%%5!-"
    "23P;rzP}IRo<qU2wP1U<~x6w_(@iu?OByz-){o3k&f+-oZt{!I^DSghR{EtqnUfIhhGMdgdTUkCSD-"
    "t6%e(598CvxlbQmISg}tpB60BV5WuA3eTQ{A9c}I_2IM?fP+jY96V-"
    "PdYWsgxH1n%qO_#jDYJ0CLVy1vym<tEoam}fivG`a(k@GA2?`d|l3m%=v9i-"
    "tt7W$^SsTH)Zf_5?49BdVg^1BRj&gBQ7AIMoBhRM!!aG&eC;BI*R+yS9PIV}pD`YU6*e4O?)jpZFwzN>axli&Dd)+=MtXPaiO_*}JI<~{zm^?7"
    "DmHD+6gw9f|Lri(8BjzFN#+h2Ve7eNG&<%)7y#dO!i^HQ!!xjpsPGfFqG7&NsQ3R4lpg!kPr%U4&br4K>yIHoD_zG#4GR~77j#638UZz%IIg1n"
    "T_qfAiyQP!K46i+GF(bKUn}H16_a3kl8?*WAw$3%0C?sOnc@1LRkcLk}SZo}XCPU;A4cONR<a^26V(GG(^=R(;%Ja}4y#t%}8=H$@t!8-"
    "zCJT;%$UzICKY~jUUDBgI;l9P#rjI2yAvX4-taLDf#hB|`1fr27WUzymV6*FSJoj8|pxr#(R(-"
    "lX9LZ(ac3l=?f{*qYAML!i;=z{dw!jtt5ru<Qy?|2^Yaj=lhL$qu0s}Qd&<CbE4oAus<%iF8qt+Q<?~w2*OlJejdvN4o-"
    "jPWDy#BnWjabFTq12xdNbIAmvj6NVM)-KEB!j!awyOYXX#;lwYs6C541K9<{=IZaSiX2+`Lj2!U%IwtHD6!4d|`P_cy(p*#zkge-DeBYdEEA>g"
    "3P*tj4$Qdf(-D#?5m0PDWLOYtiw_@H-"
    "|(k9g0x1XT$jz{(V;Vz%Z)ujMo^*n>r<b3g(5|qQNuMme}B9OkHbW?b4K0q*YfqWSt<<KvtS)pHtfPFv+mD2|N`}!pac`+|)XI?y98Bx~+!@T;"
    "RJc@wWGP3ljFL=wtVYHdgM9bx*nR$=oCAmfiN@=2;(Z2GWxJdYIuD5RFfPR(&g-"
    "i$v(Np1`Sfeg<$b(RYde%pj7{*rbC^u1BN{U3NM)y&kz!MXR=W%wIWBPt0>|F-"
    "s?4$_^O4RkuFAaO=r?CLN=rcQ5cFZl#5jwq?w4NA1GQT>&6l8?gUYPxR_})k<uB7}H)YMdy4`jn%VVGMm_*>gl*NCAzuxY24hNhZv85qcAD746"
    "J^Qrd(Gx75C^d<A8GQ1eSTnp%^pFcm7&ChGiiZ`!OT=S!QiHJ3wEG<>kqksiV{%UhvN$_#MF#-d_c~$6{5ii-"
    "7DE2(7@8ZPDCrHLRN5P0X~W;2pkqRKF)-"
    "PL!lB!`pQ)Kf`x@wLt6|7pI1b)+w8V&X6%7x+9cm9w0$~Wq<@}n;dmM$1<|V4o5N)&Lw+2B4u|VLK7jux+%K%1i1l8q(kkG@@(7|rRIE5MpR^B"
    "P98zBtKMfd_l0F}h1%;6Mea+HRoR3?x#oPS3t@X7D_rlu`mi<-p(E`dgV2XPuczSxuMc!Cb)xeu%tU-EaKSplp(5HiFh++}bo0T;=6WQKBt4G2"
    "i~#ov^!nYT8(8kayJPSNa^SIG=)mtdD$KfH;)|`_NU-"
    "Z1wGes87dX;8;~eRQuCO2ib~XtM>_fsgQ0J@vC%Jgp0p`i^f2?1AM*P<%yw_mDc{EzbUVivQJoB;D=zNI%9E|YGAnw1YLgTeaRLi%QuQ``0x|}"
    "K$LhGi%x`e`hNFuIIg<4pI`}c4j^=LI$U|;%T%%NC>8WtWx4Ig0T6ppnBMRbes$WrxxsFTn8H=~cYCVPX#9FzrOWMVy}pZt0RWZBzo-"
    "{soPJ`U8dg63-o3kQ?E0%?1wvy1mAMGqy`85(si(Z?n}+qsEzbZZw_5e^#BRz2QJL_dZ#$S*SRZPLfbdbcW>g-"
    "lDmt7^MyXh)ubA*V~I98he;eii-c!(6VwGQeeuc`SVL?^Mk5FRODav$3Tj(;|1P`4~mT9k=w6lD`m0$qVZ-"
    "D?Lv6ceQ_ysuj_lkHDdrP(rV+K8It-0b|a6oY{0Sm3@#OA3;DJ58fQ8Rp?yoZ4I<_{N;r634X1YQ<H>kO_CcJ1d1wXO^$@Np-"
    "V5KO$7fCMO92b<VpHOTo>4L8BejkPoVSa3jGFwGNK7B;o_awqH2|K!osSdFF@8&VTD#=FI+^=PB3PtE1L~%x9lugMj(_FEVF-"
    "*h0Fb14=Qq#Z^^2xD|Opi+QuFJv3W2{FqYA<epD=wD$<><O}c1^4c?8vk4WIQPxWtIj)i_s;G5)w<Xbp}f5KkWw^q?h=(v5Wm1f^dBCy>-"
    "wT?mtlO(GVgN_dK<XpeIYyHSU)={<HIRS8YmjjnIJo#R7fMV#{O@V<FhDBA?OzX}#j(m_DC>`EUGAP_nOwq8x3gmUaWbjPnEvDiWjC$M7w%Bx("
    "_*=5{>n^I`J5lkS$4(#E4u2&}ANIAcc9X@qv263vj~LSdF+5fDB@0#KEwD;)Q)8w5<kK*}pTvaaexkrbI?54%6D%IPpE%Oa9m3-"
    "<F6ejrQrsPjh4Oy#8A$FYG4XkjEW$izq8l^CGY^s#{$D`aXi~hNIO_Wu#o2!WW>Pq!"
)
_FINGERPRINT = (
    "c-jGC0G<B`z_F3c*0ibO3lNXi$LQj!m$8EZ7{G$%$*1+}@d+T_(A(AH=$Gf20Vwk4j-"
    "Te(=ANAaG6Dz$IwvwWF)}zZF*!IgFfukUH#RmmG&wgoHa0UeF*7(gI5sgfGBP+hFcD`e5&"
)
_INDEX = (
    "c-"
    "muNVB=tvV&Y(Akl~AW_HcFf4)FK%3vqPvagFzP@^W<!iFXfj4DjG!7h+IQ(0I&f%20aBf<Z<wNng(~BqYewDKx}2SU=1$$P=t5%+V**m4i`;MT"
    "m)mNkKw`!&H-b20Md{a5;YU96<HVAUzrqrrCB@D;R))5kyS1ntB<|Iq+%W1_nmv3Wf!YaIuCbEEktDa%^JcXCMf|e>Zfil)B#r04m5Xbp"
)
_DATA = (
    "c-muNXs~C%iXq@Gqw4Pkr@0KcSUDJl7|VealMrJP7Y_%s5J!A`a$-"
    "(Sd^{H)2a6C_ab|j6Vo7OHYOxj*2P2ockRcaem}8Kqqmz$oe3+w8s4GyvluWt4o?}Qzkf&2<h-"
    "<JussgY^J0S}UjT~W#MVX07IjK@INrd$Cb8&O93bB_IB_^lF8)z|biE{~aunF-OrxulE=B3A{q^2d7=9B;>m>?JcWWqWr"
)
_SAVES = (
    "c-qxk-EZ6071tFlQ9hPs``WSP>m*K<v~biVQkZ_Y!q(1m-"
    "6mNQ2euQS8)}Z0Xq$~pY9wVl#js(+Fm%BliuSEoUyKgzf(_VKU_h~_0ek4Me_;Q^fIaSc=aQmGN~A2i!PY$pqAu?}=iGCC=i{EM455G9fG@K27"
    "g^YZ@g>XBcJv2|sVQ3xb+t*ekTF%uXqh!NKSgtp+E*GawUDaYkD6*>6x;_o<osli!`E6}u~pgHRrvUpVKi8BA@Lp|un4JTL$_=;25F;ZH(RzxX"
    "RJ+^rfpTX46}<cT!M+$HH(Y1Y&0LO>T9Y}4~xd>Uxm!gx~kin{fGjjG@WxG8*HS*j%*Z$fo!y?{+s~4qnbPF18I3ztvzfSnr>Tk1}1BrpK{Ywx"
    "3xpn%8PUwXkE2zO;>Eq(A#hFVqp%(>S{y9O&g86T-Qvivu{$Ehe@T;Fb?EB4Rx#U$lF>&wZe*d4TL+b22BGwL=pM-BQ7_7zsp5F*AclwVO+}PC"
    "P{KAJ&_WoXNEKMeI$^Ep}WRv6Yjv!J*D;#?UZ)(Y2orBxf|9%7RX&H;NBKUnFREKRv1zaHOqO&lKBKI!^pjcQd4(vU#i(_wl4EeLCUqd`^APT$"
    "vlB?Lyns(4pXc@rnq_x7+yoY8zveG4V(59Psbta;zib#J;y{-"
    "Fz)b{6}>K74XwsU*#wC0JWEPDw5>uO+D{Z3nq@EW=gV9noM8jf>&pHqxzUqydkwiEd}=lwh2ff^*EJ5WJa8P?Z9J&`aC`&C)^`=NuGZf`Y;obZ"
    "inkQYc}9tb9mAOQynx66y|pJhKdrpLaN>4*QC@_<5SUrF(S5gDjeCk|JCdmNWkfI?L3EfqmLzOwIvTAliZrx=4~0qK!{OZ_9-"
    "Nn5qbT?`9olZ`HJp&f{cdYJG;P@?ItNSA1V)jpJBl7=*hc8x9E_@mYORG}kR6Z&UZO5PBOGs2d<$A_P2Eus-"
    ")J=&cNDv}%a!0n1jGY)(&wRo)@mxYt(v+=3vL6fJ5RST0-#aS&N?(LcO`$VSODLX3NtWlsZGUHP_&>_@OuIy2>u(05srQqLO)-"
    "Io3#~9S3}DRvoOMqq}Cm@g<j<W>grZ&r}s^lL*~K`S-1#ePAo#Ab#<S^m1Z5=xFjyKBycSjQkH7&tHrc*Rl0VyEU|s};fh(icICw@JIV`-"
    "*S4;erI*U}MM6J)6@CmE&%J4Iuf=J|$*#8Ce1LHel9fbpHnf8gI_xbk6-"
    "T@+B+G>Va5vyC3TXsrhbg=bXFC*luqky#oURDOIxAx(42l73Fu^s#qjz21R$2{PKBU3WI1ri8Zs7A|ysO2%V7+1lwleDaAm#!oNv80p>wPH@Bt"
    "nYkU`DPP4IXE-eO2C5bY(|1Wvy;ew0i6YE&`KHRGw_;jYqNvT-o&qPMaZZsmo&v^a6+=EZ@67PWZ!{_>hp2w-"
    "SrwrzG(K!KdO2JPef9uE6s$QrlKdRY$tK`cUkasmceY(rluDvRuQR<Cj#vUWTlj=%}0S{!Q8y1$Dm)qa_#D6=Yp04`LOu_y^(@AD@!yCnO`%MD"
    "=3=mm!rQlpH`dlcX6>3dm&y3LPn}VlqSERk{ed2TN-"
    "=m#Vi{<OfT)@2~jSWM>abSC=+6)^1ksZ>+4B!t<Q<V=$5#qM~ggp5$^d0a$@#Qgp1#*!UvZ{;WdI!USc?UhF<G8pSXgf0KmS7|_Yr;_=ueg%3v"
    "N8l;$WF)2by62vJn3`+5|puEr*lzioB5cwQO<TGpYa4v{Q*)a>Icibsr@Wn;=q>rwoQ|Kz>xZ>2;T1S_;jxMbg;6jv+Ot(ryHN9M>?@91w25Yz"
    "3&`jT(B?)&(4)cUQ3v+v|h9m8MTPH?S_LF2~2t6^u6Q|ZL@AJHHIwBO8b%lENT^Mz1w~|}9wL`;TK5@<q1yfb(1cGeI-fNbuTB&)UOYCi!Y|{="
    "Ff*uFf!yyCd$`C~t4|AFJxQtdukc%^;N)+~e%m^;|?yB;{EY5f=vQ_A?NU#q`r?PE-"
    "v+0nwDlYX(nVpT;ssHvujG+Dua#)<|k(R@5tWyiSnTc&fgdKZQc0Y&=lz!PQ5ReAtM=g|&v0kPXM`xHgL|$C;lpRButptvmohK$D$;!L9`P3%Q"
    "PsfvaIhfAa<Yuo((MrT4VaFHfgvY<5{Ne(f!I*)FF<Uj~tjcRl_0XncboAj0j~{C-"
    "T(YMYXJFKg2_AKfLX|`%AuU8&C1R|yfZllt3NR(NFk{J9Q>|&+TA)nx%v5<Llb|m`j51&@hJrxJA^a*0=7~xLFSuZR-_jrI#(~}^ki-"
    "V<_fJ!$A-FuA|7S&6frs~VYjb^qHrtGZ{)HH2_yJ*1pZI3TC-"
    "R#yg#TxbA)Oo%l}m`b3vfOL;AuL9ntkc3xX15C;70@GWUMrK{n2S%(TgyvI4!?GRP`P^{*nXmbSg`E(eap`P9gh@z;vfg6O|yltMm9|mJBDeRW"
    "F&nQGLCg%#zi<Wp(weynJJ2`8)SkZ{FQ-hF7b%R+cy9H`kW#-"
    "C#B_U(%RddunNCJZW>)Y)9GzCSO!gppWH0vY<`ae6$XIKe`w%dS_C%@Mn932gva59RC!@I~myxQzH9bq>oQ_I9J*Yu3k<Z_s;jQ<PL=F*l$Thp"
    "Sc%L@xWxgj@>QBbLb4aip3*pOKCV>ZW;|dNi|g+*VZ&1E*3~ki4rOs-"
    "U`N}r^<)z0eCyXQ<ksj5FjQtdsO3w(iqi?v61zDfSnYyt1pBPGtuE8Upt=c%aC@bwnKKWz%jA<nP6O@z7*0^jn|h3LEG^~j5oKkj8Xcv*eLyM4"
    "24k|G%Eaa2L4KpIcWAq>&r0jr2V>k7g95tj||-z>5kdFS<MOUORoCzVknAVZ%6Tn>yINc?R3z3?puz?WJGI?9mKR-BS%BX4&%2NTkV|jJG5wrP"
    "3wB4RJvNkgI=HBPjRsGUe`%1QB7TKV(MlJhz?Q2^jDxh=TWECafdp{wu;9|hs94wr|sYVX6K?*=6ht$k;MN!-WD+?2o{g`-"
    "0e`KJMbKiKx3|a{rKFa$$T=F&lbdBiuPXXvEv{f6H9+aU~-"
    "Vw?{VbW%x1K#gB>#0A~WY)gk*ysHs6X#6UV2)V@cl*UI(3^RU#Cr2kzmjm=S2A;+*8qbX`Q19LlF}&qnb{un$S^jaT;ooAlxA`^@=B`TX~jzBX"
    "c&8mG%&lYZ@?uTS;+gX7vvPrvm2S8v~mby=d~HAbI8?<umN3FX75TQBw&(C-s?t~a-"
    "qBK}uEog4eU>JT^G9Y=UKkGsSV^nLn+?DOb<J4B4J(qN+dx{XikU$sQujj35f32Jh)SKt#@$Lj%3*CVTADXy8(FT;i#d=biy%QtLlGa_pYP)c7"
    "9l+xEvQ%cWvm(m<W39l<S7>1;BY|f7vmx|E|JZiA=txS@>5?h4N#}wgWJHY*ytNlVM^JH>7i^+C8d<Rr1)4AANH$++dHPd2}|FMWutIK;vU2UL"
    "yX}WAQxvgBx6<<Yz%fTs{uGxIbv-D!zD{$8`9#wt_-8Ya_gY!TR=`6DDzKE`r#|cZ&=ONQpRGH4l-"
    "jlhL8FK^tcEdO*wF&Zjh`NTw=I0_T4|D}vIEzNuQFYbSYOXPit#^1?jR&D|jCqxDejv&d$^W~+KS=1tRr)jOcT4p#fnSn83h&_}UX?GIJL_m|J"
    "YhNihoPB|gcJzxpjt*j#46GmM4zN1JR6!151b!4$h1}EzMKGfc);7Y&UE1;Awkiz-J#G#3L}cH8@BVGGo1NENEEY2!Z3)BlS6!8?*_L5--"
    "x_AE}Vf;zhAzmG~3Ggf>i(1ckjG~Uik29rvMy>zmw{h<YZR@{dUv-dy^~4Nj5Sa+K8`=6YYlH>1PF$oUqv=VH(Dcge<`0q{!V6jSrkaVf=A&v~"
    "$hDhw1*w6!Ru$aQ;Y`1K~(Wz|<3A0>(It0INdbi7*f60{%VmIGGFl#5w-~UsO+T"
)


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


MODULE, SAVES = _unpacked(_MODULE), _unpacked(_SAVES)
FILES: Mapping[str, bytes] = {
    "saved_model.pb": MODULE,
    "fingerprint.pb": _unpacked(_FINGERPRINT),
    "variables/variables.index": _unpacked(_INDEX),
    "variables/variables.data-00000-of-00001": _unpacked(_DATA),
}


def renamed(old: str, new: str) -> bytes:
    """MODULE with one name in another's place, of the same length so that every message still holds."""
    assert len(old) == len(new) and old.encode() in MODULE, (old, new)
    return MODULE.replace(old.encode(), new.encode())


def message(number: int, content: bytes) -> bytes:
    """One field with a length, as Protocol Buffers write it."""
    size = bytes([len(content)]) if len(content) < 128 else bytes([len(content) & 127 | 128, len(content) >> 7])
    return bytes([number << 3 | 2]) + size + content


def meta_graph(number: int, content: bytes) -> bytes:
    """A further graph of the model, with one field more than an empty graph."""
    return message(2, message(2, b"") + message(number, content))
