// layout.ts is both AssemblyScript and TypeScript: this gives the second its one AssemblyScript type.
type i32 = number;
