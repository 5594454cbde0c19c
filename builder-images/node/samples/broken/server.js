const broken = ; // the build must fail and name this file and line
