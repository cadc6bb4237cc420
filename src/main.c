/* Looks up the sub-command and runs it. */
int main(void)
{
	return 2;
}
